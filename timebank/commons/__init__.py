"""The common money: funds, donations of money, projects of teams, what the books say of them."""
